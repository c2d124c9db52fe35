// SPDX-License-Identifier: Apache-2.0
/** The PCI host bridge. */
package dev.faultline.device.pc.internal.pci;
