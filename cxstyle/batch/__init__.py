"""Many runs as one: jobs, who works on them, and the manifest that remembers what became of each."""
