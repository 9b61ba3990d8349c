"""Masters of the homeworks, with their solutions. The wheel leaves this folder out."""
