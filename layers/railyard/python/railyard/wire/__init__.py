"""What crosses a wire: frozen structs, strict decoding, defects with their paths."""
