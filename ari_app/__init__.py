"""consentgate: telephone calls on Asterisk are recorded only after everybody who can be heard was told."""
