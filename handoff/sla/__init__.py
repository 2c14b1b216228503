"""Service levels as plain arithmetic: business calendars, budgets, clocks and their words. No database, no ``now()``.

``calendar`` counts working time, ``budgets`` says how much of it each priority has, ``clocks`` starts, stops, pauses
and moves the three clocks of a case, ``words`` says why a case stands where it stands. ``rules`` is the one module
that speaks to the libraries behind the calendar.
"""
