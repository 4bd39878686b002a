#include "preload/frames.h"
