def below_floor(measured):
    return []
