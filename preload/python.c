#include "preload/python.h"
