"""A small local stand-in for GKE: the real gcloud and the real kubectl talk to it. See README.md here."""
