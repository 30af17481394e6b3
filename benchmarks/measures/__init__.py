"""What is measured, a file per theme. Each function takes a `Cell`, measures one peer and reports its figures."""
