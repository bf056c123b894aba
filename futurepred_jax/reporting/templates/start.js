"use strict";

const gallery = document.querySelector(".gallery");
if (gallery) new Gallery(gallery);
document.querySelectorAll(".chart:not(.dots)").forEach(startChart);
document.querySelectorAll(".sortable").forEach(startTable);
document.querySelectorAll(".toggle").forEach(startToggle);
document.querySelectorAll("#split").forEach(startSplits);
