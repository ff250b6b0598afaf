"""The blocks of outside services at Prefect: their types, their documents, and checks of them."""
