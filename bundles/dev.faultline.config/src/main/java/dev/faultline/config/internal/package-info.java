// SPDX-License-Identifier: Apache-2.0
/** Wrong values in configurations are named, with what is allowed, and kept from their readers. */
@NullMarked
package dev.faultline.config.internal;

import org.jspecify.annotations.NullMarked;
