"""Carriers: who places outbound calls. One file each, registered with kind ``carrier``."""
