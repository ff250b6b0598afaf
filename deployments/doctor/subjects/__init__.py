"""What the doctor looks at: a module for each subject, with the checks that it declares."""
