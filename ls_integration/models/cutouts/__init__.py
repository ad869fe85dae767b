"""What is measured in the cutouts of a survey frame."""
