"""What does a Sigma rule mean?"""
