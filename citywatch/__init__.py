"""What is CityWatch? The kernel: nouns, doors, journal, stores, detection, response."""

# SPDX-License-Identifier: Apache-2.0
__version__ = "0.1.0"
