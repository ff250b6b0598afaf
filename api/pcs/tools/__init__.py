"""PCS for assistants: tags, datasets, production tasks (ops contract section 5.2)."""
