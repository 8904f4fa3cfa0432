// On purpose almost empty: it takes the place of the theme's 1.5 MB copy of Font Awesome's script.
// The theme's style sheet brings the same icons as a font, a tenth of the size.
