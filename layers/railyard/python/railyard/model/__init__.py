"""What the domain thinks in: frozen dataclasses and the rules that two functions share. Stdlib only."""
