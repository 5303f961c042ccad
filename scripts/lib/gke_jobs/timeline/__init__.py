"""What happened in a run and how long each part took: the record, and what is made of it."""
