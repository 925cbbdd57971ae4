"""stub"""
def solutions_page(sheet): return ""
