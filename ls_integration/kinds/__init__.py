"""What is asked of people: one module a study, with its sources, items, page and answers."""
