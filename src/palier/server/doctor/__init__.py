"""What `palier doctor` looks at: the machine, the settings, the data folder, students, energy, the models, upstreams.

Each check yields findings as it makes them; one that is not well says what to do about it. Nothing is changed but the
file of measured speeds. While a gateway runs, the models are judged by what it says of them.
"""
