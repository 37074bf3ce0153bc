"""The application: reads the settings, puts the parts together and runs them."""
