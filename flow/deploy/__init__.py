"""The deploy folder: manifest, notebook, README, and the check that runs it as a stranger would."""
