"""What do analysts, leads and agencies see in a browser?"""
