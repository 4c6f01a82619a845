"""What may die does die here: services and processes of their own, killed while a shop goes on writing."""
