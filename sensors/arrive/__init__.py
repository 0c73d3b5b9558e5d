"""What do other machines send to this one: syslog, flow records?"""
