"""The report's interactive charts: their data as JSON, their scripts and their style.

`joint` finds the laws of N and D that a study fitted. `runs` and `budgets` make the data of the two
charts. `page` puts data, scripts and texts together for the report's templates.
"""
