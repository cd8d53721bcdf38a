"""What a model or people say of answers, and what that word is worth."""
