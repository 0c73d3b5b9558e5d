"""What do packets say?"""
