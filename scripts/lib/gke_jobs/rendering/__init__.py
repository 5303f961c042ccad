"""Values and templates to a manifest."""
