"""A small local stand-in for GKE, for the real gcloud and the real kubectl. See README.md."""
