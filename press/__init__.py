"""The press that prints the book: the environment, the execution of chapters, the site. No chapter imports it."""
