"""HTTP/1.1 on the wire: connections within limits, and answers to what never becomes a request."""
