"""What runs stages: artifacts, fingerprints, the plan, the runner, gates and the report."""
