"""The notifier: tells people what happened, once, by the rules and watches that they made."""
