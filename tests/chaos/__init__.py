"""Everything that can fail, fails: at each phase of a call and of a shipment, on the real world under load."""
