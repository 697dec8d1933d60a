-- Routines that a later migration makes anew: it alone has their text. (A driver takes no script without a statement.)
SELECT;
