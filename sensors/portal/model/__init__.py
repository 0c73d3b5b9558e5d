"""How is the page classifier made, and what does it weigh?"""
