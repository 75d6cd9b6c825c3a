"""What the children compute for derivations: adapters out of adapters, written as ordinary PEFT folders."""
