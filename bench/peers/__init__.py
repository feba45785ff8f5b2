"""What a user would pick instead of docledger, each as small as its own documentation has it."""
