"""The one way out: every HTTP request that Holdfast makes on behalf of an endpoint goes through ``client.request``.

target      what a URL means, read strictly
addresses   which addresses may be dialled, and what the operator allows besides
dial        resolve once, check every address, dial one that was checked
wire        the connection under one deadline, as httpcore wants it
client      one request, one reply
"""
