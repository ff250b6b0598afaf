"""What prun's command and answer mean, and what the states at PanDA and at PCS allow. Pure."""
