"""HTTP: the contract's paths over the ports that the composition root hands in."""
