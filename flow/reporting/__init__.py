"""Reports for people: one self-contained HTML page a build, an overview, a Markdown table."""
