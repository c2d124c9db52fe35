// SPDX-License-Identifier: Apache-2.0
/** The PCI host bridge. */
@NullMarked
package dev.faultline.device.pc.internal.pci;

import org.jspecify.annotations.NullMarked;
