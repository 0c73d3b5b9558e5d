"""Where are events, alerts and tickets kept?"""
