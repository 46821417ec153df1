"""What the commands of `flow` do; `flow.cli` holds their options."""
