/* SPDX-License-Identifier: Apache-2.0
 *
 * world_names.c -- see world_names.h.
 *
 * A name is a number in mixed radix, each digit a word. Words of one list are
 * distinct and no list is in two categories, so distinct numbers are distinct
 * names; rank -> number is a permutation (multiplication by a stride prime to
 * the size, plus a shift), so that neighbours in rank do not look alike.
 */
#include "world_names.h"

#include <stdio.h>

#include "mix.h"

enum { SUBJECTS = 12, FORMS = 16, ENDINGS = 8, MAINS = 12, KINDS = 6, ADJECTIVES = 16 };

struct subjects {
    const char *category;
    const char *subject[SUBJECTS];
};

struct dishes {
    const char *category;
    int sweet; /* row of ADJECTIVE */
    const char *kind[KINDS];
    const char *main[MAINS];
};

/* ---- courses ------------------------------------------------------------- */

static const struct subjects COURSE[WORLD_CATEGORIES] = {
    {"mathematics",
     {"Linear Algebra", "Calculus", "Number Theory", "Topology", "Graph Theory", "Geometry",
      "Combinatorics", "Differential Equations", "Group Theory", "Real Analysis", "Logic",
      "Numerical Analysis"}},
    {"languages",
     {"Spanish", "Mandarin", "French", "Arabic", "German", "Japanese", "Portuguese", "Italian",
      "Swahili", "Korean", "Turkish", "Latin"}},
    {"programming",
     {"Python", "C Programming", "Rust", "Java", "Web Development", "Functional Programming",
      "Compilers", "Operating Systems", "Embedded Systems", "Software Testing", "Algorithms",
      "Mobile Apps"}},
    {"arts and design",
     {"Drawing", "Graphic Design", "Photography", "Typography", "Ceramics", "Illustration",
      "Painting", "Animation", "Interior Design", "Printmaking", "Sculpture", "Fashion Design"}},
    {"data science",
     {"Statistics", "Machine Learning", "Data Visualisation", "Bayesian Inference", "Deep Learning",
      "Databases", "Time Series", "Forecasting", "Causal Inference", "Recommender Systems",
      "Text Mining", "Survey Sampling"}},
    {"history and society",
     {"Ancient History", "Sociology", "Anthropology", "Archaeology", "World History",
      "Political Theory", "Human Geography", "Medieval Europe", "Migration Studies",
      "Economic History", "Gender Studies", "Urban Studies"}},
    {"business",
     {"Marketing", "Accounting", "Project Management", "Negotiation", "Corporate Finance",
      "Entrepreneurship", "Supply Chains", "Leadership", "Product Management", "Sales",
      "Business Law", "Operations"}},
    {"natural sciences",
     {"Physics", "Organic Chemistry", "Astronomy", "Geology", "Ecology", "Genetics",
      "Thermodynamics", "Oceanography", "Microbiology", "Quantum Mechanics", "Botany",
      "Climate Science"}},
    {"health and wellbeing",
     {"Nutrition", "Mindfulness", "First Aid", "Public Health", "Yoga", "Sleep Science",
      "Sports Medicine", "Anatomy", "Child Development", "Physiotherapy", "Nursing",
      "Mental Health"}},
    {"engineering",
     {"Electronics", "Robotics", "Control Systems", "Structural Mechanics", "Fluid Dynamics",
      "Materials Science", "Signal Processing", "Solar Power", "Bridge Design", "Manufacturing",
      "Mechatronics", "Aerodynamics"}},
    {"music",
     {"Piano", "Guitar", "Music Theory", "Songwriting", "Jazz Improvisation", "Choir Singing",
      "Sound Design", "Orchestration", "Violin", "Drums", "Music Production", "Opera"}},
    {"philosophy and writing",
     {"Ethics", "Creative Writing", "Rhetoric", "Epistemology", "Poetry", "Journalism", "Stoicism",
      "Screenwriting", "Aesthetics", "Technical Writing", "Metaphysics", "Storytelling"}},
};

/* What is before the subject and what is after it. */
static const char *const FORM[FORMS][2] = {
    {"", ""},
    {"Introduction to ", ""},
    {"", " I"},
    {"", " II"},
    {"Advanced ", ""},
    {"Applied ", ""},
    {"Foundations of ", ""},
    {"Modern ", ""},
    {"Topics in ", ""},
    {"", " in Practice"},
    {"", " Workshop"},
    {"", " Seminar"},
    {"", " Masterclass"},
    {"Essential ", ""},
    {"Exploring ", ""},
    {"", " Step by Step"},
};

static const char *const ENDING[ENDINGS] = {
    "",
    " for Beginners",
    " for Professionals",
    " with Case Studies",
    " in Ten Weeks",
    " with Projects",
    " for Teachers",
    " at Your Own Pace",
};

/* ---- dishes -------------------------------------------------------------- */

static const char *const ADJECTIVE[2][ADJECTIVES] = {
    {"Smoky", "Spicy", "Creamy", "Rustic", "Crispy", "Roasted", "Golden", "Peppery", "Herbed",
     "Tangy", "Garlicky", "Hearty", "Zesty", "Fiery", "Homestyle", "Charred"},
    {"Silky", "Fluffy", "Honeyed", "Spiced", "Golden", "Velvety", "Frosted", "Tangy", "Zesty",
     "Homestyle", "Caramelised", "Toasted", "Chilled", "Buttery", "Delicate", "Festive"},
};

static const struct dishes FOOD[WORLD_CATEGORIES] = {
    {"soups and stews",
     0,
     {"Soup", "Stew", "Chowder", "Broth", "Goulash", "Bisque"},
     {"Lentil", "Tomato", "Pumpkin", "Mushroom", "Chickpea", "Leek", "Barley", "Carrot", "Oxtail",
      "White Bean", "Corn", "Cabbage"}},
    {"desserts",
     1,
     {"Cake", "Tart", "Pudding", "Cheesecake", "Mousse", "Crumble"},
     {"Chocolate", "Lemon", "Apple", "Raspberry", "Caramel", "Pistachio", "Cherry", "Vanilla",
      "Mango", "Hazelnut", "Plum", "Coconut"}},
    {"noodles and pasta",
     0,
     {"Ramen", "Lasagne", "Spaghetti", "Udon", "Gnocchi", "Penne"},
     {"Spinach", "Beef", "Prawn", "Aubergine", "Pesto", "Clam", "Walnut", "Broccoli", "Sausage",
      "Artichoke", "Ricotta", "Shiitake"}},
    {"salads and bowls",
     0,
     {"Salad", "Poke Bowl", "Grain Bowl", "Slaw", "Buddha Bowl", "Tabbouleh"},
     {"Quinoa", "Avocado", "Beetroot", "Kale", "Feta", "Edamame", "Fennel", "Halloumi", "Radish",
      "Cucumber", "Mackerel", "Pomegranate"}},
    {"pizza and flatbreads",
     0,
     {"Pizza", "Calzone", "Focaccia", "Flatbread", "Pide", "Lahmacun"},
     {"Margherita", "Pepperoni", "Four Cheese", "Courgette", "Olive", "Anchovy", "Truffle",
      "Red Onion", "Rocket", "Salami", "Gorgonzola", "Caper"}},
    {"curries",
     0,
     {"Curry", "Korma", "Vindaloo", "Masala", "Jalfrezi", "Dhansak"},
     {"Chicken", "Lamb", "Paneer", "Cauliflower", "Okra", "Potato", "Red Lentil", "Squash", "Cod",
      "Spinach", "Goat", "Jackfruit"}},
    {"burgers and sandwiches",
     0,
     {"Burger", "Sandwich", "Wrap", "Club", "Panini", "Bagel"},
     {"Beef", "Cheddar", "Turkey", "Falafel", "Bacon", "Black Bean", "Pulled Pork", "Egg", "Tuna",
      "Portobello", "Brie", "Ham"}},
    {"seafood",
     0,
     {"Ceviche", "Fish Cakes", "Skewers", "Fillet", "Paella", "Fritters"},
     {"Salmon", "Squid", "Sea Bass", "Crab", "Scallop", "Trout", "Octopus", "Monkfish", "Mussel",
      "Haddock", "Lobster", "Sardine"}},
    {"grills and roasts",
     0,
     {"Steak", "Ribs", "Kebab", "Roast", "Schnitzel", "Meatballs"},
     {"Pork", "Veal", "Venison", "Duck", "Chicken", "Lamb", "Beef", "Turkey", "Rabbit", "Bison",
      "Seitan", "Wild Boar"}},
    {"tacos and beans",
     0,
     {"Taco", "Burrito", "Quesadilla", "Enchilada", "Tostada", "Chilli"},
     {"Carnitas", "Black Bean", "Chorizo", "Cactus", "Sweet Potato", "Brisket", "Corn", "Chicken",
      "Poblano", "Shrimp", "Pinto Bean", "Tempeh"}},
    {"rice dishes",
     0,
     {"Risotto", "Biryani", "Pilaf", "Fried Rice", "Congee", "Sushi Roll"},
     {"Saffron", "Mushroom", "Asparagus", "Prawn", "Vegetable", "Eel", "Kimchi", "Pea", "Tofu",
      "Egg", "Almond", "Apricot"}},
    {"breakfast",
     1,
     {"Pancakes", "Porridge", "Waffles", "Granola", "French Toast", "Muffin"},
     {"Blueberry", "Banana", "Maple", "Cinnamon", "Oat", "Strawberry", "Pecan", "Fig", "Almond",
      "Date", "Peach", "Buckwheat"}},
};

/* ---- numbers to names ---------------------------------------------------- */

const char *world_category(uint8_t domain, uint32_t category) {
    return domain == 0 ? COURSE[category].category : FOOD[category].category;
}

static uint32_t gcd(uint32_t a, uint32_t b) {
    while (b) {
        uint32_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* A permutation of 0..n-1, another one for each seed. */
static uint32_t permuted(uint32_t i, uint32_t n, uint64_t seed) {
    uint64_t h = mix64(seed);
    uint32_t stride = 1U + (uint32_t)(h % n);
    while (gcd(stride, n) != 1U) {
        stride++;
    }
    return (uint32_t)(((uint64_t)i * stride + (h >> 40)) % n);
}

static void course_name(uint32_t category, uint32_t rank, uint64_t seed, char *out) {
    uint32_t n = SUBJECTS * FORMS; /* a block: all names with one ending */
    uint32_t number = permuted(rank % n, n, seed);
    const char *const *form = FORM[number / SUBJECTS];
    snprintf(out, WORLD_NAME_MAX, "%s%s%s%s", form[0], COURSE[category].subject[number % SUBJECTS],
             form[1], ENDING[rank / n % ENDINGS]);
}

static void dish_name(uint32_t category, uint32_t rank, uint64_t seed, char *out) {
    const struct dishes *d = &FOOD[category];
    uint32_t n = MAINS * KINDS * ADJECTIVES;
    uint32_t number = permuted(rank % n, n, seed);
    uint32_t main = number % MAINS;
    uint32_t kind = number / MAINS % KINDS;
    snprintf(out, WORLD_NAME_MAX, "%s %s %s", ADJECTIVE[d->sweet][number / (MAINS * KINDS)],
             d->main[main], d->kind[kind]);
}

void world_name(uint8_t domain, uint32_t category, uint32_t rank, uint64_t seed,
                char out[WORLD_NAME_MAX]) {
    uint32_t all =
        domain == 0 ? SUBJECTS * FORMS * ENDINGS : MAINS * KINDS * ADJECTIVES; /* before numbers */
    uint64_t key = mix64(seed ^ mix64((uint64_t)domain * WORLD_CATEGORIES + category));
    char name[WORLD_NAME_MAX];
    if (domain == 0) {
        course_name(category, rank, key, name);
    } else {
        dish_name(category, rank, key, name);
    }
    uint32_t edition = rank / all;
    if (edition == 0) {
        snprintf(out, WORLD_NAME_MAX, "%s", name);
    } else { /* names are below 70 bytes */
        snprintf(out, WORLD_NAME_MAX, "%.80s No. %u", name, (unsigned)edition + 1U);
    }
}
