"""What users and third parties test with: a conformance suite for each seam, and scripted partners."""
