"""What the flows of provenance do at PCS, Rucio, the storage and the database, an effect each."""
