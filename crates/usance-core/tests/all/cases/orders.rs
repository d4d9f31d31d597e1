//! The life of an order (TREASURY 6): from the plan that asks for it, over signatures, to the picture that shows it.
